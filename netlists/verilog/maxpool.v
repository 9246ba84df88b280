// y = the maximum of a window of ROWS x COLUMNS words as the fixed-point rules define it: along each row in adjacent
// pairs, an odd last one carried, then over the rows' results likewise, with max(a, b) = b + ReLU(a - b mod 2^W): the
// sign of the difference decides. Word j of x is x[j*W +: W], row by row.

module modular_max #(
    parameter W = 16
) (
    input  [W-1:0] a,
    input  [W-1:0] b,
    output [W-1:0] y
);
  wire [W-1:0] difference = a - b;
  assign y = difference[W-1] ? b : a;
endmodule

module tournament #(
    parameter W = 16,
    parameter N = 2
) (
    input  [N*W-1:0] x,
    output [W-1:0] y
);
  localparam LEVELS = $clog2(N);
  wire [(LEVELS+1)*N*W-1:0] value;
  assign value[N*W-1:0] = x;
  assign y = value[LEVELS*N*W+:W];
  genvar level, j;
  generate
    for (level = 0; level < LEVELS; level = level + 1) begin : round
      for (j = 0; j < (N + (2 << level) - 1) >> (level + 1); j = j + 1) begin : pair
        if (((2 * j + 1) << level) < N) begin : both
          modular_max #(
              .W(W)
          ) greater (
              .a(value[(level*N+2*j)*W+:W]),
              .b(value[(level*N+2*j+1)*W+:W]),
              .y(value[((level+1)*N+j)*W+:W])
          );
        end else begin : carried
          assign value[((level+1)*N+j)*W+:W] = value[(level*N+2*j)*W+:W];
        end
      end
    end
  endgenerate
endmodule

module maxpool #(
    parameter W = 16,
    parameter ROWS = 2,
    parameter COLUMNS = 2
) (
    input  [ROWS*COLUMNS*W-1:0] x,
    output [W-1:0] y
);
  wire [ROWS*W-1:0] best;
  genvar i;
  generate
    for (i = 0; i < ROWS; i = i + 1) begin : row
      tournament #(
          .W(W),
          .N(COLUMNS)
      ) along (
          .x(x[i*COLUMNS*W+:COLUMNS*W]),
          .y(best[i*W+:W])
      );
    end
  endgenerate
  tournament #(
      .W(W),
      .N(ROWS)
  ) down (
      .x(best),
      .y(y)
  );
endmodule
