//! Short texts built in place: paths under /proc, numbers, messages.

pub struct Writer<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl<'a> Writer<'a> {
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Writer { buffer, used: 0 }
    }

    /// What does not fit is cut; one byte always stays for C's terminator.
    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        let room = self.buffer.len().saturating_sub(self.used + 1);
        let taken = bytes.len().min(room);
        self.buffer[self.used..self.used + taken].copy_from_slice(&bytes[..taken]);
        self.used += taken;
        if let Some(end) = self.buffer.get_mut(self.used) {
            *end = 0;
        }
        self
    }

    pub fn number(&mut self, value: u64) -> &mut Self {
        let mut digits = [0; 20];
        let start = decimal(value, &mut digits);
        self.put(&digits[start..])
    }

    pub fn len(&self) -> usize {
        self.used
    }
}

/// Writes `value` to the end of `digits` and returns where it starts.
pub fn decimal(mut value: u64, digits: &mut [u8; 20]) -> usize {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return at;
        }
    }
}
