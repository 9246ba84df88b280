// y = s ? a : b.
module mux #(
    parameter W = 16
) (
    input s,
    input [W-1:0] a,
    input [W-1:0] b,
    output [W-1:0] y
);
  assign y = s ? a : b;
endmodule
