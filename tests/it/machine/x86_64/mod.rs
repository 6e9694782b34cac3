//! What Intel's manual (SDM) says of x86-64, rule by rule. Sections are those of volume 3, 'Paging'.

mod caches;
mod entries;
mod invalidations;
mod marks;
mod rights;
mod shootdown;
mod tables;
