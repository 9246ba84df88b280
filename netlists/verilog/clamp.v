// y = min(max(a, LO), HI) for a signed a of W bits; LO and HI are given modulo 2^W.
//
// Where the bounds are the range of a shorter word the bits above it either all equal the sign, or every bit of the
// bound is its opposite. Else two comparisons with constants, both of a itself: the first choice only raises what is
// below both bounds.
module clamp #(
    parameter W = 16,
    parameter LO = 0,
    parameter HI = 100
) (
    input  signed [W-1:0] a,
    output signed [W-1:0] y
);
  localparam signed [W-1:0] LOW = LO[W-1:0];
  localparam signed [W-1:0] HIGH = HI[W-1:0];
  localparam N = $clog2(HI + 1);
  generate
    if (LOW == ~HIGH && HIGH >= 0 && HI + 1 == 1 << N && N + 1 < W) begin : shorter
      // A chain, so that each bit of the fill is chosen by one AND.
      wire [W-1-N:0] fits;
      genvar i;
      assign fits[0] = 1'b1;
      for (i = 0; i < W - 1 - N; i = i + 1) begin : above
        assign fits[i+1] = fits[i] & ~(a[N+i] ^ a[W-1]);
      end
      assign y = {{W - N{a[W-1]}}, fits[W-1-N] ? a[N-1:0] : {N{~a[W-1]}}};
    end else begin : general
      wire below = a < LOW;
      wire above = HIGH < a;
      wire signed [W-1:0] raised = below ? LOW : a;
      assign y = above ? HIGH : raised;
    end
  endgenerate
endmodule
