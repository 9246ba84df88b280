// A chunk of a dot product at double scale: y = acc + sum_j sum_i 2^i * row(j, i) mod 2^L, summed in columns
// (compress.v), one full adder per bit of a row.
//
// Word j of a is a signed activation of A bits. Word j of w holds the B sign digits of a weight: digit i is 1 where
// 2^i * a_j is to be subtracted. A row is a_j with every bit flipped where its digit is 1 (free), read as an unsigned
// number after its sign bit was flipped once more. What this leaves out depends on the weights and the widths only
// (-2^(A-1) for each row, +1 for each flipped row): the owner of the weights adds it to the first acc.
//
// A column takes the bits of its rows term by term and the carries of the column below evenly between them, so that a
// carry comes about where the term is that made it: whoever evaluates term by term keeps few wires. acc comes last.
module dot_rows #(
    parameter ACC = 1,
    parameter M = 8,
    parameter A = 16,
    parameter B = 16,
    parameter L = 29
) (
    input  [M*A-1:0] a,
    input  [M*B-1:0] w,
    input  [L-1:0] acc,
    output [L-1:0] y
);
  // The rows of one term that reach column c are lowest(c) <= i < lowest(c) + rows(c).
  function integer lowest(input integer c);
    lowest = c < A ? 0 : c - A + 1;
  endfunction
  function integer rows(input integer c);
    rows = c > A + B - 2 ? 0 : (c < B ? c : B - 1) - (c < A ? 0 : c - A + 1) + 1;
  endfunction
  // Carries into column c: half of what the column below holds.
  function integer carries(input integer c);
    integer k;
    begin
      carries = 0;
      for (k = 0; k < c; k = k + 1)
        carries = (ACC + carries + (k > A + B - 2 ? 0 : M * ((k < B ? k : B - 1) - (k < A ? 0 : k - A + 1) + 1))) / 2;
    end
  endfunction

  localparam STRIDE = M * B + 2;
  wire [(L+1)*STRIDE-1:0] carry;
  genvar c, p;
  generate
    for (c = 0; c < L; c = c + 1) begin : col
      localparam LOW = lowest(c);
      localparam ROWS = rows(c);
      localparam IN = carries(c);
      // Rows and carries; position p holds a carry where p * IN / N steps.
      localparam N = M * ROWS + IN;
      localparam K = ACC + N;
      wire [K:0] x;
      for (p = 0; p < N; p = p + 1) begin : place
        localparam CARRY = p * IN / N;
        localparam ROW = p - CARRY;
        if ((p + 1) * IN / N > CARRY) assign x[p] = carry[c*STRIDE+CARRY];
        else begin : row
          localparam J = ROW / ROWS;
          localparam I = LOW + ROW % ROWS;
          assign x[p] = a[J*A+c-I] ^ w[J*B+I] ^ (c - I == A - 1);
        end
      end
      if (ACC == 1) assign x[N] = acc[c];
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

module dot #(
    parameter M = 8,
    parameter A = 16,
    parameter B = 16,
    parameter L = 29
) (
    input  [M*A-1:0] a,
    input  [M*B-1:0] w,
    input  [L-1:0] acc,
    output [L-1:0] y
);
  dot_rows #(
      .M(M),
      .A(A),
      .B(B),
      .L(L)
  ) chunk (
      .a(a),
      .w(w),
      .acc(acc),
      .y(y)
  );
endmodule

// A dot product of one chunk: acc is 0.
module dot1 #(
    parameter M = 8,
    parameter A = 16,
    parameter B = 16,
    parameter L = 29
) (
    input  [M*A-1:0] a,
    input  [M*B-1:0] w,
    output [L-1:0] y
);
  dot_rows #(
      .ACC(0),
      .M(M),
      .A(A),
      .B(B),
      .L(L)
  ) chunk (
      .a(a),
      .w(w),
      .acc({L{1'b0}}),
      .y(y)
  );
endmodule
