// y = the least of N signed words, one after the other. Word j of x is x[j*W +: W].
module min #(
    parameter W = 16,
    parameter N = 2
) (
    input  [N*W-1:0] x,
    output [W-1:0] y
);
  wire [N*W-1:0] best;
  assign best[W-1:0] = x[W-1:0];
  assign y = best[(N-1)*W+:W];
  genvar j;
  generate
    for (j = 1; j < N; j = j + 1) begin : step
      wire signed [W-1:0] so_far = best[(j-1)*W+:W];
      wire signed [W-1:0] word = x[j*W+:W];
      assign best[j*W+:W] = word < so_far ? word : so_far;
    end
  endgenerate
endmodule
