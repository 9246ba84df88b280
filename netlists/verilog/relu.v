// y = a where a >= 0, else 0.
module relu #(
    parameter W = 16
) (
    input  [W-1:0] a,
    output [W-1:0] y
);
  assign y = {1'b0, a[W-2:0] & {(W - 1) {~a[W-1]}}};
endmodule
