//! A platform, or none.

use super::host_frames::HostFrames;
use crate::platform::Platform;

/// What stands in the place of a mock's platform: any [`Platform`], or `()` where the mock has none.
///
/// Nobody else implements it.
pub trait MaybePlatform {
    /// The platform, if there is one.
    type Platform: Platform;

    /// The platform, if there is one. O(1).
    fn get(&self) -> Option<&Self::Platform>;
}

impl<P: Platform> MaybePlatform for P {
    type Platform = P;

    fn get(&self) -> Option<&P> {
        Some(self)
    }
}

impl MaybePlatform for () {
    /// Any: there is none.
    type Platform = HostFrames;

    fn get(&self) -> Option<&HostFrames> {
        None
    }
}
