// Technology map: multiplication with digits +1 and -1, for Verilog that has a `*`; the blocks of this folder have none.
//
// With s_i = 2 b_i - 1 and weights w_i = 2^i, the top one negative: b = (sum of w_i s_i - 1) / 2, so
//   a * b = sum over i > 0 of (w_i / 2) (+-a) - (a & ~b_0):
// a row is a with its bits flipped (free) and a carry in; only the adders and one row of ANDs cost: n^2 + 2n - 1 for
// two signed words of n bits, against 2n^2 - n. Read before flow.ys.
(* techmap_celltype = "$mul" *)
module _xag_mul (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;

  // Both as signed words: unsigned ones get a 0 on top.
  localparam SIGNED = A_SIGNED && B_SIGNED;
  localparam N = A_WIDTH + (SIGNED ? 0 : 1);
  localparam M = B_WIDTH + (SIGNED ? 0 : 1);
  wire [N-1:0] a = SIGNED ? A : {1'b0, A};
  wire [M-1:0] b = SIGNED ? B : {1'b0, B};
  wire [N-1:0] masked = M == 1 ? a & {N{b[0]}} : a & {N{~b[0]}};

  // acc[i] is the sum up to row i, less 1: an inversion instead of a negation, and N + i signed bits always hold it.
  localparam P = N + M;
  wire [M*P-1:0] acc;
  assign acc[P-1:0] = ~{{M{masked[N-1]}}, masked};
  genvar i;
  generate
    for (i = 1; i < M; i = i + 1) begin : row
      wire negative = i == M - 1 ? b[i] : ~b[i];
      wire [N-1:0] flipped = a ^ {N{negative}};
      wire [N-1:0] above = acc[(i-1)*P+i-1+:N];
      // The 1 below takes the carry in.
      wire [N+1:0] sum = {above[N-1], above, 1'b1} + {flipped[N-1], flipped, negative};
      wire [P+N:0] extended = {{P{sum[N+1]}}, sum[N+1:1]};
      if (i > 1) assign acc[i*P+:i-1] = acc[(i-1)*P+:i-1];
      assign acc[i*P+i-1+:P-i+1] = extended[P-i:0];
    end
  endgenerate
  wire [P-1:0] product = acc[(M-1)*P+:P] + 1'b1;
  wire [P+Y_WIDTH-1:0] whole = {{Y_WIDTH{product[P-1]}}, product};
  assign Y = whole[Y_WIDTH-1:0];
endmodule
