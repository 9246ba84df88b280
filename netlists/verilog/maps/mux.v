// Technology map: a multiplexer costs one AND, A ^ (S & (A ^ B)).

(* techmap_celltype = "$mux" *)
module _xag_mux (A, B, S, Y);
  parameter WIDTH = 1;
  input [WIDTH-1:0] A, B;
  input S;
  output [WIDTH-1:0] Y;
  assign Y = A ^ ({WIDTH{S}} & (A ^ B));
endmodule

(* techmap_celltype = "$_MUX_" *)
module _xag_mux_bit (A, B, S, Y);
  input A, B, S;
  output Y;
  assign Y = A ^ (S & (A ^ B));
endmodule
