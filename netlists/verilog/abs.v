// y = |a| mod 2^W: the least number is its own absolute value.
module abs #(
    parameter W = 16
) (
    input  signed [W-1:0] a,
    output signed [W-1:0] y
);
  assign y = (a ^ {W{a[W-1]}}) + a[W-1];
endmodule
