//! What a program does, and whether it was right: accesses, counts, and the model of all bytes.

use std::mem::{replace, take};

use kernel_vm::backend::mock::machine::Call;
use kernel_vm::{Access, FaultError, VirtAddr};

use crate::kernel::{Kernel, Process};
use crate::{Result, SHARED, picture::draw};

/// The model's key of a byte: what is shared is nobody's own.
fn key(process: &Process, at: usize) -> (&'static str, usize) {
    match SHARED.contains(&at) {
        true => ("shared", at),
        false => (process.name, at),
    }
}

impl Kernel {
    /// An access, with the bytes that it stores or must find. While it faults, the handler runs, and it is tried again.
    pub fn access(
        &mut self,
        process: &Process,
        access: Access,
        at: usize,
        bytes: &[u8],
    ) -> Result<()> {
        print!("  {}: {access:?} at {at:#x}:", process.name);
        let (vaddr, mut found) = (VirtAddr::new(at), bytes.to_vec());
        while let Err(trap) = match access {
            Access::Execute => self.cpu(process).fetch(vaddr, &mut found),
            Access::Read => self.cpu(process).load(vaddr, &mut found),
            Access::Write => self.cpu(process).store(vaddr, bytes),
        } {
            self.faults += 1;
            let done = self.fault(&process.space, trap.vaddr, access)?;
            print!(" fault, {done};");
        }
        println!(" done");
        if access == Access::Write {
            let bytes = (at..)
                .zip(bytes)
                .map(|(at, &byte)| (key(process, at), byte));
            self.expected.extend(bytes);
        }
        if found != bytes {
            return Err(format!("found {found:?}, not {bytes:?}").into());
        }
        Ok(())
    }

    /// Makes an access that must be refused.
    pub fn refuse(&mut self, process: &Process, access: Access, at: usize) -> Result<()> {
        let refused = self.access(process, access, at, &[0]);
        let error = refused.err().ok_or("it was not refused")?;
        println!(" refused, {}", error.downcast::<FaultError>()?);
        Ok(())
    }

    /// Ends a step: counts, draws the spaces, and compares counts and bytes with what they must be.
    pub fn end_step(&mut self, processes: &[&Process], expected: &str) -> Result<()> {
        let flushes = self.machine.calls(Call::Flush);
        let counts = format!(
            "faults {} copies {} flushes {} frames {}",
            take(&mut self.faults),
            take(&mut self.copies),
            flushes - replace(&mut self.flushes, flushes),
            self.machine.frames().frames_in_use()
        );
        println!("  {counts}");
        draw(processes);
        if counts != expected {
            return Err(format!("{counts}, not {expected}").into());
        }
        if let Some(stale) = self.machine.stale() {
            return Err(format!("a flush is missing: {stale:?}").into());
        }
        processes.iter().try_for_each(|process| self.check(process))
    }

    /// Compares each byte that is resident, as the process's CPU loads it, with the model.
    fn check(&self, process: &Process) -> Result<()> {
        process.space.check_invariants()?;
        let maps = process.space.memory_maps();
        for page in maps.flat_map(|map| process.space.resident(map.vmarea())) {
            let mut found = vec![0; page.size()];
            self.cpu(process).load(page.start(), &mut found)?;
            for (at, found) in (page.start().get()..).zip(found) {
                let expected = *self.expected.get(&key(process, at)).unwrap_or(&0);
                if found != expected {
                    let name = process.name;
                    return Err(format!("{name} has {found} at {at:#x}, not {expected}").into());
                }
            }
        }
        Ok(())
    }
}
