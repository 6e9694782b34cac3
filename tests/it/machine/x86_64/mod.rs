//! What Intel's manual (SDM) says of x86-64, rule by rule. Sections are those of volume 3, 'Paging'.

mod entries;
mod fences;
mod marks;
mod rights;
mod shootdown;
mod tables;
