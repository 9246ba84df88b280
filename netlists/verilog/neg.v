// y = -a mod 2^W.
module neg #(
    parameter W = 16
) (
    input  signed [W-1:0] a,
    output signed [W-1:0] y
);
  // The bits above the lowest 1 are flipped.
  wire [W-1:0] any;
  assign any[0] = 1'b0;
  genvar i;
  generate
    for (i = 1; i < W; i = i + 1) begin : seen
      assign any[i] = any[i-1] | a[i-1];
    end
  endgenerate
  assign y = a ^ any;
endmodule
