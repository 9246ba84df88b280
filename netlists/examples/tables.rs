//! Writes the Verilog of sigmoid and tanh tables: `tables DIRECTORY FUNCTION:BITS:FRAC…` makes
//! `DIRECTORY/FUNCTIONBITS_fFRAC.v` of each.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use privet_netlists::activation::{Function, Table};
use privet_netlists::yosys::verilog;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some((directory, tables)) = arguments.split_first() else {
        return Err("usage: tables DIRECTORY sigmoid|tanh:BITS:FRAC…".into());
    };
    for table in tables {
        let [function, bits, frac] = table.split(':').collect::<Vec<_>>()[..] else {
            return Err(format!("{table:?} is not FUNCTION:BITS:FRAC").into());
        };
        let kind = match function {
            "sigmoid" => Function::Sigmoid,
            "tanh" => Function::Tanh,
            other => return Err(format!("no table of {other:?}").into()),
        };
        let name = format!("{function}{bits}_f{frac}");
        let text = verilog(&*Table::new(kind, bits.parse()?, frac.parse()?)?, &name);
        fs::write(Path::new(directory).join(format!("{name}.v")), text)?;
    }
    Ok(())
}
