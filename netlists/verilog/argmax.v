// y = the index of the largest of N signed words; the lowest index wins ties. Word j of x is x[j*W +: W].
//
// The index costs little in a tree: at each node the new high bit is the comparison itself and the bits below it are
// chosen from the two sides. The values are not chosen at the root.
module argmax #(
    parameter W = 16,
    parameter N = 10,
    parameter INDEX = 4
) (
    input  [N*W-1:0] x,
    output [INDEX-1:0] y
);
  localparam LEVELS = $clog2(N);
  wire [(LEVELS+1)*N*W-1:0] value;
  wire [(LEVELS+1)*N*INDEX-1:0] index;
  assign value[N*W-1:0] = x;
  assign index[N*INDEX-1:0] = {N * INDEX{1'b0}};
  assign y = index[LEVELS*N*INDEX+:INDEX];
  genvar level, j;
  generate
    for (level = 0; level < LEVELS; level = level + 1) begin : tree
      for (j = 0; j < (N + (2 << level) - 1) >> (level + 1); j = j + 1) begin : pair
        if (((2 * j + 1) << level) < N) begin : both
          wire signed [W-1:0] left = value[(level*N+2*j)*W+:W];
          wire signed [W-1:0] right = value[(level*N+2*j+1)*W+:W];
          wire take_right = left < right;
          assign value[((level+1)*N+j)*W+:W] = take_right ? right : left;
          assign index[((level+1)*N+j)*INDEX+:INDEX] =
              (take_right ? index[(level*N+2*j+1)*INDEX+:INDEX] : index[(level*N+2*j)*INDEX+:INDEX]) |
              ({{INDEX - 1{1'b0}}, take_right} << level);
        end else begin : carried
          assign value[((level+1)*N+j)*W+:W] = value[(level*N+2*j)*W+:W];
          assign index[((level+1)*N+j)*INDEX+:INDEX] = index[(level*N+2*j)*INDEX+:INDEX];
        end
      end
    end
  endgenerate
endmodule
