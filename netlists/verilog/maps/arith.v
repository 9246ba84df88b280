// Technology map: word-level arithmetic to chains of 1-AND full adders.
//
// Read by `techmap -map` before any generic mapping. A full adder costs one AND: with a, b and the carry c,
//   sum = a ^ b ^ c,   carry' = c ^ ((a ^ c) & (b ^ c)).
// A comparison is one carry chain whose sums are never built; there is no zero flag.

// Operands are extended to the width of the result before they meet.
module _xag_extend (A, Y);
  parameter SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  output [Y_WIDTH-1:0] Y;
  genvar i;
  generate
    for (i = 0; i < Y_WIDTH; i = i + 1) begin : bit
      if (i < A_WIDTH) assign Y[i] = A[i];
      else if (SIGNED) assign Y[i] = A[A_WIDTH-1];
      else assign Y[i] = 1'b0;
    end
  endgenerate
endmodule

// Y = A + B + C0 on WIDTH bits; carry C[i+1] leaves bit i.
module _xag_chain (A, B, C0, Y, C);
  parameter WIDTH = 1;
  input [WIDTH-1:0] A, B;
  input C0;
  output [WIDTH-1:0] Y;
  output [WIDTH:0] C;
  assign C[0] = C0;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : bit
      assign Y[i] = (A[i] ^ C[i]) ^ B[i];
      assign C[i+1] = C[i] ^ ((A[i] ^ C[i]) & (B[i] ^ C[i]));
    end
  endgenerate
endmodule

(* techmap_celltype = "$alu" *)
module _xag_alu (A, B, CI, BI, X, Y, CO);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  input CI, BI;
  output [Y_WIDTH-1:0] X, Y, CO;
  wire [Y_WIDTH-1:0] a, b, b_or_not;
  wire [Y_WIDTH:0] c;
  _xag_extend #(.SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) ea (.A(A), .Y(a));
  _xag_extend #(.SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) eb (.A(B), .Y(b));
  assign b_or_not = b ^ {Y_WIDTH{BI}};
  assign X = a ^ b_or_not;
  assign CO = c[Y_WIDTH:1];
  _xag_chain #(.WIDTH(Y_WIDTH)) chain (.A(a), .B(b_or_not), .C0(CI), .Y(Y), .C(c));
endmodule

(* techmap_celltype = "$add" *)
module _xag_add (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire [Y_WIDTH-1:0] a, b;
  wire [Y_WIDTH:0] c;
  _xag_extend #(.SIGNED(A_SIGNED && B_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) ea (.A(A), .Y(a));
  _xag_extend #(.SIGNED(A_SIGNED && B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) eb (.A(B), .Y(b));
  _xag_chain #(.WIDTH(Y_WIDTH)) chain (.A(a), .B(b), .C0(1'b0), .Y(Y), .C(c));
endmodule

(* techmap_celltype = "$sub" *)
module _xag_sub (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire [Y_WIDTH-1:0] a, b;
  wire [Y_WIDTH:0] c;
  _xag_extend #(.SIGNED(A_SIGNED && B_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) ea (.A(A), .Y(a));
  _xag_extend #(.SIGNED(A_SIGNED && B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) eb (.A(B), .Y(b));
  _xag_chain #(.WIDTH(Y_WIDTH)) chain (.A(a), .B(~b), .C0(1'b1), .Y(Y), .C(c));
endmodule

(* techmap_celltype = "$neg" *)
module _xag_neg (A, Y);
  parameter A_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  output [Y_WIDTH-1:0] Y;
  wire [Y_WIDTH-1:0] a;
  wire [Y_WIDTH:0] c;
  _xag_extend #(.SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) ea (.A(A), .Y(a));
  _xag_chain #(.WIDTH(Y_WIDTH)) chain (.A({Y_WIDTH{1'b0}}), .B(~a), .C0(1'b1), .Y(Y), .C(c));
endmodule

// A < B (OR_EQUAL = 0) or A <= B (OR_EQUAL = 1): the carry out of A + ~B, seen as unsigned after both signs are flipped.
module _xag_below (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  parameter OR_EQUAL = 0;
  localparam SIGNED = A_SIGNED && B_SIGNED;
  localparam WIDTH = A_WIDTH > B_WIDTH ? A_WIDTH : B_WIDTH;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire [WIDTH-1:0] a, b, a_plain, b_plain, sums, flip;
  wire [WIDTH:0] c;
  _xag_extend #(.SIGNED(SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(WIDTH)) ea (.A(A), .Y(a));
  _xag_extend #(.SIGNED(SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(WIDTH)) eb (.A(B), .Y(b));
  assign flip = {SIGNED ? 1'b1 : 1'b0, {WIDTH{1'b0}}} >> 1;
  assign a_plain = a ^ flip;
  assign b_plain = b ^ flip;
  _xag_chain #(.WIDTH(WIDTH)) chain (.A(~a_plain), .B(b_plain), .C0(OR_EQUAL ? 1'b1 : 1'b0), .Y(sums), .C(c));
  assign Y = c[WIDTH];
endmodule

(* techmap_celltype = "$lt" *)
module _xag_lt (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  _xag_below #(.A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH), .OR_EQUAL(0)) below (.A(A), .B(B), .Y(Y));
endmodule

(* techmap_celltype = "$le" *)
module _xag_le (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  _xag_below #(.A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH), .OR_EQUAL(1)) below (.A(A), .B(B), .Y(Y));
endmodule

(* techmap_celltype = "$gt" *)
module _xag_gt (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  _xag_below #(.A_SIGNED(B_SIGNED), .B_SIGNED(A_SIGNED), .A_WIDTH(B_WIDTH), .B_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH), .OR_EQUAL(0)) below (.A(B), .B(A), .Y(Y));
endmodule

(* techmap_celltype = "$ge" *)
module _xag_ge (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  _xag_below #(.A_SIGNED(B_SIGNED), .B_SIGNED(A_SIGNED), .A_WIDTH(B_WIDTH), .B_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH), .OR_EQUAL(1)) below (.A(B), .B(A), .Y(Y));
endmodule

(* techmap_celltype = "$fa" *)
module _xag_fa (A, B, C, X, Y);
  parameter WIDTH = 1;
  input [WIDTH-1:0] A, B, C;
  output [WIDTH-1:0] X, Y;
  assign Y = (A ^ C) ^ B;
  assign X = C ^ ((A ^ C) & (B ^ C));
endmodule
