// A chunk of a sum: y = acc + sum_j a_j mod 2^L for M signed words of A bits, summed in columns (compress.v).
//
// A sign bit weighs -2^(A-1); inverted it weighs +2^(A-1), and -M * 2^(A-1) is left: a public constant, whose bits are
// the last of their columns.
module sum_rows #(
    parameter ACC = 1,
    parameter M = 8,
    parameter A = 16,
    parameter L = 24
) (
    input  [M*A-1:0] a,
    input  [L-1:0] acc,
    output [L-1:0] y
);
  localparam ROOM = L > A + 32 ? L : A + 32;
  localparam [ROOM-1:0] SIGNS = {ROOM{1'b0}} - ({{(ROOM - 32) {1'b0}}, M[31:0]} << (A - 1));
  // Carries into column c: half of what the column below holds.
  function integer carries(input integer c);
    integer k;
    begin
      carries = 0;
      for (k = 0; k < c; k = k + 1) carries = (ACC + SIGNS[k] + (k < A ? M : 0) + carries) / 2;
    end
  endfunction

  localparam STRIDE = 2 * M + 2;
  wire [(L+1)*STRIDE-1:0] carry;
  genvar c, p;
  generate
    for (c = 0; c < L; c = c + 1) begin : col
      localparam IN = carries(c);
      localparam ONE = SIGNS[c];
      // Words and carries evenly mixed; position p holds a carry where p * IN / N steps.
      localparam N = (c < A ? M : 0) + IN;
      localparam K = ACC + ONE + N;
      wire [K:0] x;
      for (p = 0; p < N; p = p + 1) begin : place
        localparam CARRY = p * IN / N;
        localparam WORD = p - CARRY;
        if ((p + 1) * IN / N > CARRY) assign x[p] = carry[c*STRIDE+CARRY];
        else assign x[p] = a[WORD*A+c] ^ (c == A - 1);
      end
      if (ACC == 1) assign x[N] = acc[c];
      if (ONE == 1) assign x[K-1] = 1'b1;
      if (K == 0) assign y[c] = 1'b0;
      else
        column #(
            .K(K)
        ) adders (
            .x(x[K-1:0]),
            .sum(y[c]),
            .carry(carry[(c+1)*STRIDE+:K/2+1])
        );
    end
  endgenerate
endmodule

module sum #(
    parameter M = 8,
    parameter A = 16,
    parameter L = 24
) (
    input  [M*A-1:0] a,
    input  [L-1:0] acc,
    output [L-1:0] y
);
  sum_rows #(
      .M(M),
      .A(A),
      .L(L)
  ) chunk (
      .a(a),
      .acc(acc),
      .y(y)
  );
endmodule
