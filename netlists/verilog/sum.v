// A chunk of a sum: y = acc + sum_j a_j mod 2^L for M signed words of A bits, summed in columns (compress.v).
//
// A sign bit weighs -2^(A-1); inverted it weighs +2^(A-1), and -M * 2^(A-1) is left: a public constant, whose bits are
// the last of their columns.
module sum #(
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
  function integer constant(input integer c);
    constant = SIGNS[c];
  endfunction
  function integer rows(input integer c);
    rows = c < A ? 1 : 0;
  endfunction
  function integer carries(input integer c, input integer t);
    integer k;
    begin
      carries = 0;
      for (k = 0; k < c; k = k + 1) carries = (t * rows(k) + carries - 1) / 2;
    end
  endfunction
  function integer all_carries(input integer c);
    integer k;
    begin
      all_carries = 0;
      for (k = 0; k < c; k = k + 1) all_carries = (1 + constant(k) + M * rows(k) + all_carries) / 2;
    end
  endfunction

  localparam STRIDE = 2 * M + 2;
  wire [(L+1)*STRIDE-1:0] carry;
  genvar c, j;
  generate
    for (c = 0; c < L; c = c + 1) begin : col
      localparam ROWS = rows(c);
      localparam IN = all_carries(c);
      localparam ONE = constant(c);
      localparam K = 1 + ONE + M * ROWS + IN;
      wire [K-1:0] x;
      for (j = 0; j < M; j = j + 1) begin : term
        localparam BEFORE = carries(c, j);
        localparam AFTER = carries(c, j + 1);
        localparam FIRST = j * ROWS + BEFORE;
        if (c == A - 1) assign x[FIRST] = ~a[j*A+c];
        else if (c < A) assign x[FIRST] = a[j*A+c];
        if (AFTER > BEFORE) assign x[FIRST+ROWS+:AFTER-BEFORE] = carry[c*STRIDE+BEFORE+:AFTER-BEFORE];
      end
      localparam SEEN = carries(c, M);
      assign x[M*ROWS+SEEN] = acc[c];
      if (IN > SEEN) assign x[M*ROWS+1+SEEN+:IN-SEEN] = carry[c*STRIDE+SEEN+:IN-SEEN];
      if (ONE == 1) assign x[K-1] = 1'b1;
      column #(
          .K(K)
      ) adders (
          .x(x),
          .sum(y[c]),
          .carry(carry[(c+1)*STRIDE+:K/2+1])
      );
    end
  endgenerate
endmodule
