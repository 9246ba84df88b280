// Sigmoid or tanh by a table of 2^INDEX pieces; tables/*.v instantiates it with the tables that the Rust side fits.
//
//   m = x < 0 ? -1 - x : x                 the low MAGNITUDE bits of x, flipped by its sign: free
//   i = top INDEX bits of m                 t = the bits below them without the lowest DROP
//   v = offset[i] + sum_r ((t, flipped where digit r of piece i is -1) << r >> CUT) + (x < 0 ? 0 : half a unit)
//   y = x < 0 ? top - (v >> PLACES) : v >> PLACES         top = -1 for tanh, 1.0 less one unit for sigmoid
//
// All products of the index bits cost 2^INDEX - INDEX - 1 ANDs once; every table output is an XOR of them, by its
// algebraic normal form. OFFSETS has the VALUE + PLACES low bits of every piece's offset less half a unit, piece 0 lowest;
// SLOPES the DIGITS digits of every piece, 1 for -1.
module piecewise #(
    parameter SIGMOID = 1,
    parameter BITS = 16,
    parameter MAGNITUDE = 15,
    parameter INDEX = 6,
    parameter DROP = 0,
    parameter CUT = 8,
    parameter PLACES = 2,
    parameter DIGITS = 8,
    parameter VALUE = 11,
    parameter PIECES = 64,
    parameter [PIECES*(VALUE+PLACES)-1:0] OFFSETS = 0,
    parameter [PIECES*DIGITS-1:0] SLOPES = 0
) (
    input  [BITS-1:0] x,
    output [BITS-1:0] y
);
  localparam T = MAGNITUDE - INDEX - DROP;
  localparam COLUMNS = VALUE + PLACES;

  // Bit `digit` of the tables' column, one bit a piece.
  function [PIECES-1:0] offset_bits(input integer digit);
    integer piece;
    for (piece = 0; piece < PIECES; piece = piece + 1) offset_bits[piece] = OFFSETS[piece*COLUMNS+digit];
  endfunction
  function [PIECES-1:0] slope_bits(input integer digit);
    integer piece;
    for (piece = 0; piece < PIECES; piece = piece + 1) slope_bits[piece] = SLOPES[piece*DIGITS+digit];
  endfunction
  // Algebraic normal form: coefficient s is the XOR of the entries whose index is a subset of s.
  function [PIECES-1:0] normal_form(input [PIECES-1:0] entries);
    integer s, step;
    begin
      normal_form = entries;
      for (step = 1; step < PIECES; step = step * 2)
        for (s = 0; s < PIECES; s = s + 1)
          if ((s & step) != 0) normal_form[s] = normal_form[s] ^ normal_form[s-step];
    end
  endfunction
  // Digit r reaches column c with bit c + CUT - r of t.
  function integer lowest(input integer c);
    lowest = c + CUT < T ? 0 : c + CUT - T + 1;
  endfunction
  function integer rows(input integer c);
    rows = (c + CUT < DIGITS ? c + CUT : DIGITS - 1) < lowest(c) ? 0 :
        (c + CUT < DIGITS ? c + CUT : DIGITS - 1) - lowest(c) + 1;
  endfunction
  function integer carries(input integer c);
    integer k;
    begin
      carries = 0;
      for (k = 0; k < c; k = k + 1) carries = (1 + (k == PLACES - 1 ? 1 : 0) + rows(k) + carries) / 2;
    end
  endfunction

  wire sign = x[MAGNITUDE];
  wire [MAGNITUDE-1:0] m = x[MAGNITUDE-1:0] ^ {MAGNITUDE{sign}};
  wire [INDEX-1:0] index = m[MAGNITUDE-1-:INDEX];
  wire [T-1:0] t = m[DROP+:T];

  wire [PIECES-1:0] product;
  wire [DIGITS-1:0] digit;
  wire [COLUMNS-1:0] offset;
  localparam STRIDE = DIGITS + 3;
  wire [(COLUMNS+1)*STRIDE-1:0] carry;
  wire [COLUMNS-1:0] sum;
  genvar s, r, c;
  generate
    assign product[0] = 1'b1;
    for (s = 1; s < PIECES; s = s + 1) begin : monomial
      localparam HIGH = $clog2(s + 1) - 1;
      assign product[s] = product[s-(1<<HIGH)] & index[HIGH];
    end
    for (r = 0; r < DIGITS; r = r + 1) begin : slope
      assign digit[r] = ^(product & normal_form(slope_bits(r)));
    end
    for (c = 0; c < COLUMNS; c = c + 1) begin : col
      assign offset[c] = ^(product & normal_form(offset_bits(c)));
      localparam LOW = lowest(c);
      localparam ROWS = rows(c);
      localparam HALF = c == PLACES - 1 ? 1 : 0;
      localparam IN = carries(c);
      localparam K = 1 + HALF + ROWS + IN;
      wire [K-1:0] bits;
      assign bits[0] = offset[c];
      if (HALF == 1) assign bits[1] = ~sign;
      for (r = LOW; r < LOW + ROWS; r = r + 1) begin : row
        assign bits[1+HALF+r-LOW] = t[c+CUT-r] ^ digit[r];
      end
      if (IN > 0) assign bits[K-1-:IN] = carry[c*STRIDE+:IN];
      column #(
          .K(K)
      ) adders (
          .x(bits),
          .sum(sum[c]),
          .carry(carry[(c+1)*STRIDE+:K/2+1])
      );
    end
    if (SIGMOID == 1) begin : upper
      // The magnitude is at least one half.
      assign y = {~sign, sum[COLUMNS-1:PLACES] ^ {VALUE{sign}}};
    end else begin : centred
      assign y = {{BITS - VALUE{sign}}, sum[COLUMNS-1:PLACES] ^ {VALUE{sign}}};
    end
  endgenerate
endmodule
