// y = floor(a / D) for a signed a of W bits and a public odd D > 1. y has W - K + 1 bits, at least 1, where K is the
// width of D.
//
// Non-restoring: the partial remainder stays in [-D, D); a step is r' = 2r + bit - D where r >= 0 and 2r + bit + D where
// r < 0. The quotient's bits are the inverted signs of the remainders. The top K bits of a are a remainder already.
// As D is odd the low bit of +-D is 1 and its carry is the new bit itself: a step costs K - 1 ANDs.
module floor_div_odd #(
    parameter W = 16,
    parameter D = 9,
    parameter K = $clog2(D + 1),
    parameter STEPS = W > K ? W - K : 0
) (
    input  [W-1:0] a,
    output [STEPS:0] y
);
  genvar t;
  generate
    if (W < K) begin : short
      // |a| <= 2^(K-2) < D: the quotient is 0 or -1.
      assign y = a[W-1];
    end else begin : steps
      wire [(STEPS+1)*(K+1)-1:0] r;
      wire [STEPS:0] q;
      assign r[K:0] = {a[W-1], a[W-1-:K]};
      for (t = 0; t <= STEPS; t = t + 1) begin : step
        assign q[STEPS-t] = ~r[t*(K+1)+K];
        if (t < STEPS) begin : next
          wire fed = a[STEPS-1-t];
          // r >= 0: add -D, whose bits above the low one are D's inverted.
          wire [K:1] row = D[K:1] ^ {K{q[STEPS-t]}};
          // The 1 below the remainder's low bit turns the new bit into the carry.
          wire [K:0] sum = {r[t*(K+1)+:K], 1'b1} + {row, fed};
          assign r[(t+1)*(K+1)+:K+1] = {sum[K:1], ~fed};
        end
      end
      // The quotient is q - 2^STEPS.
      assign y = {~q[STEPS], q[STEPS-1:0]};
    end
  endgenerate
endmodule

// y = floor((a + floor(D/2)) / D) for a signed a of IN bits and a public D >= 1; y has OUT bits.
//
// D = d * 2^s with d odd. For s > 0, floor((a + floor(D/2)) / 2^s) = floor(a / 2^s) + a[s-1] + (d-1)/2: the low bits
// never meet an adder. FIRST divides d: floor(a / d) = floor(floor(a / FIRST) / (d / FIRST)), which costs less for
// some d (49 = 7 * 7).
module div_const #(
    parameter IN = 16,
    parameter OUT = 16,
    parameter D = 9,
    parameter FIRST = 1
) (
    input  [ IN-1:0] a,
    output [OUT-1:0] y
);
  function integer twos(input integer n);
    integer rest;
    begin
      twos = 0;
      for (rest = n; rest % 2 == 0; rest = rest >> 1) twos = twos + 1;
    end
  endfunction
  // Bits of floor_div_odd's quotient.
  function integer width(input integer w, input integer d);
    width = w > $clog2(d + 1) ? w - $clog2(d + 1) + 1 : 1;
  endfunction

  localparam S = twos(D);
  localparam ODD = D >> S;
  localparam HALF = ODD / 2;
  localparam HIGH = IN > S ? IN - S : 1;
  // floor(a / 2^S) + 1 + HALF needs one bit more than the wider of the two.
  localparam HALF_BITS = $clog2(HALF + 1) + 1;
  localparam SUM = ODD == 1 && S == 0 ? HIGH : (HIGH > HALF_BITS ? HIGH : HALF_BITS) + 1;
  localparam REST = ODD / FIRST;

  wire signed [HIGH-1:0] high = IN > S ? a >> S : a[IN-1];
  wire half_bit = S == 0 ? 1'b0 : a[S > IN ? IN-1 : S > 0 ? S-1 : 0];
  wire signed [SUM-1:0] extended = high;
  wire [SUM-1:0] half = HALF;
  wire [SUM:0] rounded = {extended, 1'b1} + {half, half_bit};
  wire signed [SUM-1:0] sum = rounded[SUM:1];
  generate
    if (ODD == 1) begin : power
      wire signed [SUM-1:0] quotient = sum;
      assign y = {{OUT{quotient[SUM-1]}}, quotient};
    end else if (FIRST == 1) begin : once
      localparam Q = width(SUM, ODD);
      wire [Q-1:0] quotient;
      floor_div_odd #(
          .W(SUM),
          .D(ODD)
      ) divide (
          .a(sum),
          .y(quotient)
      );
      assign y = {{OUT{quotient[Q-1]}}, quotient};
    end else begin : twice
      localparam P = width(SUM, FIRST);
      localparam Q = width(P, REST);
      wire [P-1:0] partial;
      wire [Q-1:0] quotient;
      floor_div_odd #(
          .W(SUM),
          .D(FIRST)
      ) first (
          .a(sum),
          .y(partial)
      );
      floor_div_odd #(
          .W(P),
          .D(REST)
      ) second (
          .a(partial),
          .y(quotient)
      );
      assign y = {{OUT{quotient[Q-1]}}, quotient};
    end
  endgenerate
endmodule
