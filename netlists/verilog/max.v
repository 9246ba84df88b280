// y = the largest of N signed words, found by a tree of comparisons: pairs left to right, an odd one is carried.
// Word j of x is x[j*W +: W].
module max #(
    parameter W = 16,
    parameter N = 10
) (
    input  [N*W-1:0] x,
    output [W-1:0] y
);
  localparam LEVELS = $clog2(N);
  wire [(LEVELS+1)*N*W-1:0] value;
  assign value[N*W-1:0] = x;
  assign y = value[LEVELS*N*W+:W];
  genvar level, j;
  generate
    for (level = 0; level < LEVELS; level = level + 1) begin : tree
      // Blocks of 2^level words are left on this level, the last one perhaps short.
      for (j = 0; j < (N + (2 << level) - 1) >> (level + 1); j = j + 1) begin : pair
        if (((2 * j + 1) << level) < N) begin : both
          wire signed [W-1:0] left = value[(level*N+2*j)*W+:W];
          wire signed [W-1:0] right = value[(level*N+2*j+1)*W+:W];
          assign value[((level+1)*N+j)*W+:W] = left < right ? right : left;
        end else begin : carried
          assign value[((level+1)*N+j)*W+:W] = value[(level*N+2*j)*W+:W];
        end
      end
    end
  endgenerate
endmodule
