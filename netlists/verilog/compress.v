// Column compression: the adders every sum of many words is made of.
//
// A column holds K bits of one weight. K - 1 over 2 full adders leave one sum bit and pass K/2 carries to the next column;
// where K is even the last adder is a half adder. Each adder costs one AND. The top column of a sum modulo a power of
// two has no next column: its carries are not read, so they are not built.

module full_adder (
    input  a,
    input  b,
    input  c,
    output sum,
    output carry
);
  assign sum   = (a ^ c) ^ b;
  assign carry = c ^ ((a ^ c) & (b ^ c));
endmodule

// carry[K/2] is always 0: it keeps the width of the port positive when K is 1.
module column #(
    parameter K = 3
) (
    input  [K-1:0] x,
    output sum,
    output [K/2:0] carry
);
  localparam FULL = (K - 1) / 2;
  wire [FULL:0] partial;
  assign partial[0] = x[0];
  assign carry[K/2] = 1'b0;
  genvar i;
  generate
    for (i = 0; i < FULL; i = i + 1) begin : adder
      full_adder full (
          .a(partial[i]),
          .b(x[2*i+1]),
          .c(x[2*i+2]),
          .sum(partial[i+1]),
          .carry(carry[i])
      );
    end
    if (K % 2 == 0) begin : even
      assign sum = partial[FULL] ^ x[K-1];
      assign carry[FULL] = partial[FULL] & x[K-1];
    end else begin : odd
      assign sum = partial[FULL];
    end
  endgenerate
endmodule
