//! Prints the Verilog of a sigmoid or tanh table: `tables FUNCTION BITS FRAC MODULE`.

use std::env;
use std::error::Error;

use privet_netlists::activation::{Function, Table};
use privet_netlists::yosys::verilog;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [function, bits, frac, module] = arguments.as_slice() else {
        return Err("usage: tables sigmoid|tanh BITS FRAC MODULE".into());
    };
    let function = match function.as_str() {
        "sigmoid" => Function::Sigmoid,
        "tanh" => Function::Tanh,
        other => return Err(format!("no table of {other:?}").into()),
    };
    let table = Table::new(function, bits.parse()?, frac.parse()?)?;
    print!("{}", verilog(&table, module));
    Ok(())
}
