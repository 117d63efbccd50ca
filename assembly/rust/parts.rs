//! Which traits a guest implements. Constants of a type's own come before those of a trait.

use super::guest::{Migrate, Replies, Start, Store, Tick, Topics, Upstreams};
use std::marker;

pub struct Parts<G>(marker::PhantomData<G>);
pub trait NoParts {
    const TOPICS: usize = 0;
    const STORE: usize = 0;
    const REPLIES: usize = 0;
    const UPSTREAMS: usize = 0;
    const MIGRATE: usize = 0;
    const START: usize = 0;
    const TICK: usize = 0;
}
impl<G> NoParts for Parts<G> {}
impl<G: Topics> Parts<G> {
    pub const TOPICS: usize = 1;
}
impl<G: Store> Parts<G> {
    pub const STORE: usize = 1;
}
impl<G: Replies> Parts<G> {
    pub const REPLIES: usize = 1;
}
impl<G: Upstreams> Parts<G> {
    pub const UPSTREAMS: usize = 1;
}
impl<G: Migrate> Parts<G> {
    pub const MIGRATE: usize = 1;
}
impl<G: Start> Parts<G> {
    pub const START: usize = 1;
}
impl<G: Tick> Parts<G> {
    pub const TICK: usize = 1;
}
