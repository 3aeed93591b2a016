//! Theme files: seeds, ramps, tokens and their contrast proof.
