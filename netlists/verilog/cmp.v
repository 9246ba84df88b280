// y = 1 where a < b, both signed.
module cmp #(
    parameter W = 16
) (
    input signed [W-1:0] a,
    input signed [W-1:0] b,
    output y
);
  assign y = a < b;
endmodule
