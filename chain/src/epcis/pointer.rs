//! JSON pointers (RFC 6901), built only when something is wrong.

use std::fmt::Write as _;

/// Appends one segment.
pub(super) fn push(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for character in segment.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Where a check is: a list of segments that lives on the stack.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// The value that is checked.
    Root,
    /// A member of an object.
    Key(&'a Path<'a>, &'a str),
    /// An element of an array.
    Index(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    /// The member `key` of what is here.
    pub(crate) fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }

    /// The element `index` of what is here.
    pub(crate) fn index(&'a self, index: usize) -> Path<'a> {
        Path::Index(self, index)
    }

    /// The JSON pointer.
    pub(crate) fn pointer(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Key(parent, key) => {
                let mut pointer = parent.pointer();
                push(&mut pointer, key);
                pointer
            }
            Path::Index(parent, index) => {
                let mut pointer = parent.pointer();
                write!(pointer, "/{index}").expect("writing to a string cannot fail");
                pointer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_escaped() {
        let root = Path::Root;
        let list = root.key("a/b~c");
        assert_eq!(list.index(3).key("x").pointer(), "/a~1b~0c/3/x");
    }
}
