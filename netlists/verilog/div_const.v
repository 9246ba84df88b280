// y = floor((a + H) / D) for a signed a of W bits, D > 0 and H public.
//
// D = d * 2^s with d odd: the low s bits of a + H are dropped. Then non-restoring division: the partial remainder stays in
// [-d, d), a step is r' = 2r + bit - d where r >= 0 and 2r + bit + d where r < 0, and the quotient's bits are the inverted
// signs of the remainders. The top bits of a + H, as many as d has, are a remainder already. As d is odd the low bit of
// +-d is 1 and its carry is the new bit itself: a step costs one AND less than d has bits.
module div_const #(
    parameter W = 16,
    parameter D = 9,
    parameter H = 0
) (
    input  signed [W-1:0] a,
    output signed [W-1:0] y
);
  // The number of times 2 divides D.
  function integer twos(input integer n);
    integer rest;
    begin
      twos = 0;
      for (rest = n; rest % 2 == 0; rest = rest >> 1) twos = twos + 1;
    end
  endfunction

  localparam S = twos(D);
  localparam ODD = D >> S;
  localparam K = $clog2(ODD + 1);
  // One bit more than a where a + H does not fit W bits.
  localparam T = W + (H > 0 ? 1 : 0) - S;
  localparam STEPS = T - K;
  wire signed [W:0] shifted = (a + $signed({1'b0, H[W-1:0]})) >>> S;
  genvar t;
  generate
    if (ODD == 1) begin : power
      assign y = shifted[W-1:0];
    end else if (STEPS <= 0) begin : short
      // |a + H| < 2^(K-1) * 2^S <= D: the quotient is 0 or -1.
      assign y = {W{shifted[W]}};
    end else begin : steps
      wire [K:0] first = {shifted[T-1], shifted[T-1-:K]};
      wire [(STEPS+1)*(K+1)-1:0] r;
      wire [STEPS:0] q;
      assign r[K:0] = first;
      for (t = 0; t <= STEPS; t = t + 1) begin : step
        assign q[STEPS-t] = ~r[t*(K+1)+K];
        if (t < STEPS) begin : next
          wire bit_in = shifted[STEPS-1-t];
          // r >= 0: add -d, whose bits above the low one are d's inverted.
          wire [K:1] row = ODD[K:1] ^ {K{q[STEPS-t]}};
          // The 1 below both operands' low bits turns the new bit into the carry.
          wire [K:0] sum = {r[t*(K+1)+:K], 1'b1} + {row, bit_in};
          assign r[(t+1)*(K+1)+:K+1] = {sum[K:1], ~bit_in};
        end
      end
      // The quotient is q - 2^STEPS.
      assign y = $signed({~q[STEPS], q[STEPS-1:0]});
    end
  endgenerate
endmodule
