//! The netlists that Yosys made, committed in `data/` as Bristol Fashion.

use crate::bristol;
use crate::catalogue::BlockSpec;
use crate::catalogue::standard::generated;
use crate::error::Error;
use crate::netlist::Netlist;

include!(concat!(env!("OUT_DIR"), "/committed.rs"));

impl BlockSpec {
    /// The committed netlist, if there is one that is not larger than the generator's: fewer ANDs,
    /// or as many and not more other gates.
    ///
    /// # Errors
    ///
    /// [`Error::Parse`] for a broken file, [`Error::Shape`] for one with other ports.
    pub fn committed(&self) -> Result<Option<Netlist>, Error> {
        let name = self.name();
        let Ok(index) = COMMITTED.binary_search_by(|(other, _)| (*other).cmp(&name)) else {
            return Ok(None);
        };
        let Some((_, text)) = COMMITTED.get(index) else {
            return Ok(None);
        };
        let (inputs, outputs) = self.ports();
        let netlist = bristol::read(text)?.with_ports(inputs, outputs)?;
        let counts = netlist.counts();
        let size = (counts.ands, counts.xors + counts.invs);
        Ok(generated(self)
            .is_none_or(|other| size <= other)
            .then_some(netlist))
    }
}

/// Names of the committed netlists.
pub fn committed_names() -> impl Iterator<Item = &'static str> {
    COMMITTED.iter().map(|(name, _)| *name)
}
