// y = 1 where a = b.
module eq #(
    parameter W = 16
) (
    input [W-1:0] a,
    input [W-1:0] b,
    output y
);
  assign y = a == b;
endmodule
