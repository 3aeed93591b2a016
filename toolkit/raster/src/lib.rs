//! Pixel kernels shared by the toolkit and the compositor.
