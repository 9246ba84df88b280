// y = a + b mod 2^W.
module add #(
    parameter W = 16
) (
    input  signed [W-1:0] a,
    input  signed [W-1:0] b,
    output signed [W-1:0] y
);
  assign y = a + b;
endmodule
