// y = 1 where a < b, both unsigned.
module cmpu #(
    parameter W = 16
) (
    input [W-1:0] a,
    input [W-1:0] b,
    output y
);
  assign y = a < b;
endmodule
