// y = min(max(x, LO), HI) as the fixed-point rules define it: max(a, b) = b + ReLU(a - b mod 2^W), then
// min(a, b) = a - ReLU(a - b mod 2^W). LO and HI are given modulo 2^W.
module clip #(
    parameter W = 16,
    parameter LO = 0,
    parameter HI = 100
) (
    input  [W-1:0] x,
    output [W-1:0] y
);
  wire [W-1:0] low = LO[W-1:0];
  wire [W-1:0] high = HI[W-1:0];
  wire [W-1:0] above_low = x - low;
  wire [W-1:0] raised = above_low[W-1] ? low : x;
  wire [W-1:0] above_high = raised - high;
  assign y = above_high[W-1] ? raised : high;
endmodule
