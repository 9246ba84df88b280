// A chunk of a dot product at double scale: y = acc + sum_j sum_i 2^i * row(j, i) mod 2^L, summed in columns
// (compress.v), one full adder per bit of a row.
//
// Word j of a is a signed activation of A bits. Word j of w holds the B sign digits of a weight: digit i is 1 where
// 2^i * a_j is to be subtracted. A row is a_j with every bit flipped where its digit is 1 (free), read as an unsigned
// number after its sign bit was flipped once more. What this leaves out depends on the weights and the widths only
// (-2^(A-1) for each row, +1 for each flipped row): the owner of the weights adds it to the first acc.
//
// A column takes for one term after the other the bits of its rows and the carries that the column below made of that
// term, then the bit of acc: whoever evaluates term by term keeps few wires.
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
  // The rows of one term that reach column c are lowest(c) <= i < lowest(c) + rows(c).
  function integer lowest(input integer c);
    lowest = c < A ? 0 : c - A + 1;
  endfunction
  function integer rows(input integer c);
    rows = (c < B ? c : B - 1) < lowest(c) ? 0 : (c < B ? c : B - 1) - lowest(c) + 1;
  endfunction
  // Carries that came into column c after t terms: those of the full adders of the column below.
  function integer carries(input integer c, input integer t);
    integer k;
    begin
      carries = 0;
      for (k = 0; k < c; k = k + 1) carries = (t * rows(k) + carries - 1) / 2;
    end
  endfunction
  // All carries into column c: a column with an even number of bits ends with a half adder.
  function integer all_carries(input integer c);
    integer k;
    begin
      all_carries = 0;
      for (k = 0; k < c; k = k + 1) all_carries = (1 + M * rows(k) + all_carries) / 2;
    end
  endfunction

  localparam STRIDE = M * B + 2;
  wire [(L+1)*STRIDE-1:0] carry;
  genvar c, j, i;
  generate
    for (c = 0; c < L; c = c + 1) begin : col
      localparam LOW = lowest(c);
      localparam ROWS = rows(c);
      localparam IN = all_carries(c);
      localparam K = 1 + M * ROWS + IN;
      wire [K-1:0] x;
      for (j = 0; j < M; j = j + 1) begin : term
        localparam BEFORE = carries(c, j);
        localparam AFTER = carries(c, j + 1);
        localparam FIRST = j * ROWS + BEFORE;
        for (i = LOW; i < LOW + ROWS; i = i + 1) begin : row
          if (c - i == A - 1) assign x[FIRST+i-LOW] = ~(a[j*A+c-i] ^ w[j*B+i]);
          else assign x[FIRST+i-LOW] = a[j*A+c-i] ^ w[j*B+i];
        end
        if (AFTER > BEFORE) assign x[FIRST+ROWS+:AFTER-BEFORE] = carry[c*STRIDE+BEFORE+:AFTER-BEFORE];
      end
      localparam SEEN = carries(c, M);
      assign x[M*ROWS+SEEN] = acc[c];
      if (IN > SEEN) assign x[K-1-:IN-SEEN] = carry[c*STRIDE+SEEN+:IN-SEEN];
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
