// y = floor((sum of N signed words + floor(D/2)) / D), the sum exact; D is public. Word j of x is x[j*IN +: IN].
module avgpool #(
    parameter N = 4,
    parameter IN = 16,
    parameter OUT = 16,
    parameter D = 4,
    parameter FIRST = 1
) (
    input  [N*IN-1:0] x,
    output [OUT-1:0] y
);
  localparam SUM = IN + $clog2(N);
  wire [SUM-1:0] sum;
  sum_rows #(
      .ACC(0),
      .M(N),
      .A(IN),
      .L(SUM)
  ) total (
      .a(x),
      .acc({SUM{1'b0}}),
      .y(sum)
  );
  div_const #(
      .IN(SUM),
      .OUT(OUT),
      .D(D),
      .FIRST(FIRST)
  ) divide (
      .a(sum),
      .y(y)
  );
endmodule
