//! What of a picture must be drawn: where its elements differ from those drawn before, and nothing
//! that is hidden.
//!
//! Elements are front first and told apart by their ids. One that is wholly hidden is not there; one
//! that is there again counts as new. Only the order of elements among themselves matters, so that one
//! more of them in front (a menu, a pointer) leaves all others alone.

use std::collections::{HashMap, VecDeque};

use ochre_raster::{Color, Rect, Region};
use smithay::{
    backend::renderer::{
        Color32F, Frame, Renderer,
        element::{Element, Id, RenderElement},
        utils::CommitCounter,
    },
    utils::{Buffer as BufferCoord, Physical, Rectangle, Scale, Size, Transform},
};

use super::{
    RenderError, SoftRenderer, Target,
    element::SceneElement,
    target::{physical, rect},
};

/// Buffers are not older than this many frames, or else drawn as a whole.
const OLDEST: usize = 4;
/// More parts than this are drawn as fewer, larger ones.
const MOST_PARTS: usize = 16;
/// A client that names more parts of a surface than this means all of it.
const MOST_OF_A_CLIENT: usize = 32;

/// An element as it was drawn.
#[derive(Debug)]
struct Seen {
    id: Id,
    commit: CommitCounter,
    place: Rect,
    src: Rectangle<f64, BufferCoord>,
    transform: Transform,
    alpha: f32,
    /// Where nothing behind it shows.
    opaque: Vec<Rect>,
}

/// Parts of an element, from its corner.
type Parts = Vec<Rectangle<i32, Physical>>;

/// What was drawn before.
#[derive(Debug, Default)]
pub struct Tracker {
    size: (i32, i32),
    seen: Vec<Seen>,
    /// What changed in the frames before, the newest first.
    past: VecDeque<Region>,
}

impl Tracker {
    /// Draws what changed since the frame that the target holds, which is so many frames old (0: it
    /// holds none). Tells where, if anything changed at all.
    pub(super) fn render(
        &mut self,
        renderer: &mut SoftRenderer,
        target: &mut Target<'_>,
        age: usize,
        elements: &[SceneElement],
        scale: f64,
        background: Color,
    ) -> Result<Option<Vec<Rectangle<i32, Physical>>>, RenderError> {
        let screen = target.0.bounds();
        let fresh = self.look_at(elements, Scale::from(scale), screen);
        if fresh.is_empty() && age != 0 {
            return Ok(None);
        }
        let mut damage = fresh.clone();
        if age == 0 || age > self.past.len() {
            damage = Region::from(screen);
        } else {
            self.past
                .iter()
                .take(age - 1)
                .for_each(|past| damage.union(past));
            damage.simplify(MOST_PARTS);
        }
        self.past.push_front(fresh);
        self.past.truncate(OLDEST);
        let drawn = self.draw(renderer, target, elements, &damage, background);
        if drawn.is_err() {
            *self = Tracker::default(); // nobody knows what the target holds now
        }
        drawn.map(|()| Some(damage.rects().iter().map(|part| physical(*part)).collect()))
    }

    /// Compares what is to be seen with what was seen; gives where that differs.
    fn look_at(&mut self, elements: &[SceneElement], scale: Scale<f64>, screen: Rect) -> Region {
        let mut damage = Region::new();
        if self.size != (screen.width, screen.height) {
            self.size = (screen.width, screen.height);
            self.seen.clear();
            self.past.clear();
            damage.add(screen);
        }
        let mut before = Before::new(std::mem::take(&mut self.seen));
        let mut covered = Region::new();
        let mut places = Vec::with_capacity(elements.len());
        for element in elements {
            let place = rect(element.geometry(scale));
            let shown = place.intersect(&screen);
            if shown.is_empty() || covered.contains_rect(&shown) {
                continue;
            }
            let mut add = |part: Rect| {
                let part = part.intersect(&screen);
                if covered.is_empty() {
                    damage.add(part);
                } else {
                    let mut part = Region::from(part);
                    part.subtract_region(&covered);
                    damage.union(&part);
                }
            };
            let opaque: Vec<Rect> = element
                .opaque_regions(scale)
                .into_iter()
                .take(MOST_OF_A_CLIENT)
                .map(|part| rect(part).translate(place.x, place.y))
                .collect();
            let now = Seen {
                id: element.id().clone(),
                commit: element.current_commit(),
                place,
                src: element.src(),
                transform: element.transform(),
                alpha: element.alpha(),
                opaque,
            };
            let at = before.find(&now.id);
            match at.map(|at| &before.seen[at]) {
                None => add(place),
                Some(then) if !then.is_like(&now) => {
                    add(place);
                    // What was behind it may show, wherever something in front is now.
                    damage.add(then.place.intersect(&screen));
                }
                Some(then) => {
                    if then.commit != now.commit {
                        let parts = element.damage_since(scale, Some(then.commit));
                        if parts.len() > MOST_OF_A_CLIENT {
                            add(place);
                        } else {
                            let parts = parts.into_iter();
                            parts.for_each(|part| add(rect(part).translate(place.x, place.y)));
                        }
                    }
                    if then.opaque != now.opaque {
                        then.opaque
                            .iter()
                            .chain(&now.opaque)
                            .for_each(|part| add(*part));
                    }
                }
            }
            now.opaque
                .iter()
                .for_each(|part| covered.add(part.intersect(&screen)));
            places.push((at, place));
            self.seen.push(now);
        }
        for place in out_of_order(&places) {
            damage.add(place.intersect(&screen));
        }
        for gone in before.left() {
            damage.add(gone.place.intersect(&screen));
        }
        damage.simplify(MOST_PARTS);
        damage
    }

    /// Draws the parts of elements that are in the damage and not hidden, from the back.
    fn draw(
        &self,
        renderer: &mut SoftRenderer,
        target: &mut Target<'_>,
        elements: &[SceneElement],
        damage: &Region,
        background: Color,
    ) -> Result<(), RenderError> {
        let size: Size<i32, Physical> = self.size.into();
        let mut rest = damage.clone();
        let mut parts: Vec<(&SceneElement, &Seen, Parts)> = Vec::new();
        // The elements that are seen are among all of them in the same order.
        let mut all = elements.iter();
        for seen in &self.seen {
            if rest.is_empty() {
                break;
            }
            let Some(element) = all.find(|element| *element.id() == seen.id) else {
                break;
            };
            let mine: Parts = rest
                .rects()
                .iter()
                .map(|part| part.intersect(&seen.place))
                .filter(|part| !part.is_empty())
                .map(|part| physical(part.translate(-seen.place.x, -seen.place.y)))
                .collect();
            if mine.is_empty() {
                continue;
            }
            seen.opaque.iter().for_each(|part| rest.subtract(*part));
            parts.push((element, seen, mine));
        }
        let mut frame = renderer.render(target, size, Transform::Normal)?;
        let ground: Vec<_> = rest.rects().iter().map(|part| physical(*part)).collect();
        let share = |shift: u32| f32::from((background.0 >> shift) as u8) / 255.0;
        let colour = Color32F::new(share(16), share(8), share(0), share(24));
        frame.clear(colour, &ground)?;
        for (element, seen, parts) in parts.into_iter().rev() {
            let place = physical(seen.place);
            RenderElement::<SoftRenderer>::draw(element, &mut frame, seen.src, place, &parts, &[])?;
        }
        Ok(())
    }
}

impl Seen {
    /// Whether it was drawn at the same place in the same way, whatever its content.
    fn is_like(&self, now: &Seen) -> bool {
        (self.place, self.src, self.transform, self.alpha)
            == (now.place, now.src, now.transform, now.alpha)
    }
}

/// The elements of the frame before, to be found by their ids.
struct Before {
    seen: Vec<Seen>,
    found: Vec<bool>,
    /// Where the next is probably found.
    next: usize,
    /// Made when that was wrong for the first time.
    by_id: Option<HashMap<Id, usize>>,
}

impl Before {
    fn new(seen: Vec<Seen>) -> Self {
        Self {
            found: vec![false; seen.len()],
            next: 0,
            by_id: None,
            seen,
        }
    }

    /// Where an element is, the first time that it is asked for.
    fn find(&mut self, id: &Id) -> Option<usize> {
        let likely = self.seen.get(self.next).filter(|seen| seen.id == *id);
        let at = match likely {
            Some(_) => self.next,
            None => {
                let seen = self.seen.iter().enumerate();
                let by_id = self
                    .by_id
                    .get_or_insert_with(|| seen.map(|(at, seen)| (seen.id.clone(), at)).collect());
                *by_id.get(id)?
            }
        };
        self.next = at + 1;
        (!std::mem::replace(&mut self.found[at], true)).then_some(at)
    }

    /// Those that nobody asked for.
    fn left(&self) -> impl Iterator<Item = &Seen> {
        let pairs = self.seen.iter().zip(&self.found);
        pairs.filter(|(_, found)| !**found).map(|(seen, _)| seen)
    }
}

/// The places of elements that passed others, as few as explain the new order. Each element comes with
/// where it was in the order before.
fn out_of_order(places: &[(Option<usize>, Rect)]) -> Vec<Rect> {
    let known = places
        .iter()
        .filter_map(|(at, place)| at.map(|at| (at, *place)));
    let known: Vec<(usize, Rect)> = known.collect();
    if known.is_sorted_by_key(|(at, _)| *at) {
        return Vec::new();
    }
    // The longest run of elements that kept their order (patience sorting): the last of each length,
    // and which came before each.
    let mut last: Vec<usize> = Vec::new();
    let mut link: Vec<Option<usize>> = vec![None; known.len()];
    for (n, (at, _)) in known.iter().enumerate() {
        let length = last.partition_point(|end| known[*end].0 < *at);
        link[n] = length.checked_sub(1).map(|shorter| last[shorter]);
        if length == last.len() {
            last.push(n);
        } else {
            last[length] = n;
        }
    }
    let mut kept = vec![false; known.len()];
    let mut end = last.last().copied();
    while let Some(n) = end {
        kept[n] = true;
        end = link[n];
    }
    let moved = known.into_iter().zip(kept).filter(|(_, kept)| !kept);
    moved.map(|((_, place), _)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::element::{BitmapElement, Kept};
    use ochre_raster::Bitmap;

    fn kept(width: u32, height: u32, color: u32) -> Kept {
        let pixels = vec![color; (width * height) as usize];
        Kept::opaque(Bitmap::from_pixels(pixels, width, height).unwrap())
    }

    /// A square of 10 pixels.
    fn square(color: u32) -> (Id, Kept) {
        (Id::new(), kept(10, 10, color))
    }

    fn at((id, kept): &(Id, Kept), x: i32, y: i32) -> SceneElement {
        BitmapElement::new(id.clone(), kept.clone(), (x, y).into()).into()
    }

    /// A screen of 40x20 pixels.
    struct Screen {
        tracker: Tracker,
        bitmap: Bitmap,
        age: usize,
    }

    impl Screen {
        fn new() -> Self {
            Self {
                tracker: Tracker::default(),
                bitmap: Bitmap::new(40, 20).unwrap(),
                age: 0,
            }
        }

        /// Draws, and gives the area that was; what is there must be what a fresh screen shows.
        fn draw(&mut self, elements: &[SceneElement]) -> i32 {
            let mut renderer = SoftRenderer::new();
            let mut render = |tracker: &mut Tracker, bitmap: &mut Bitmap, age| {
                let mut target = Target::of(bitmap);
                let ground = Color(0xff00_0077);
                tracker
                    .render(&mut renderer, &mut target, age, elements, 1.0, ground)
                    .unwrap()
            };
            let drawn = render(&mut self.tracker, &mut self.bitmap, self.age);
            let mut fresh = Bitmap::new(40, 20).unwrap();
            render(&mut Tracker::default(), &mut fresh, 0);
            assert_eq!(self.bitmap.pixels(), fresh.pixels());
            self.age = 1;
            let parts = drawn.unwrap_or_default();
            parts.iter().map(|part| part.size.w * part.size.h).sum()
        }
    }

    #[test]
    fn what_stays_is_not_drawn_again() {
        let (mut screen, one) = (Screen::new(), square(1));
        assert_eq!(
            screen.draw(&[at(&one, 5, 5)]),
            800,
            "the first frame is all of it"
        );
        assert_eq!(screen.draw(&[at(&one, 5, 5)]), 0);
        assert_eq!(screen.draw(&[at(&one, 6, 5)]), 110, "where it is and was");
        assert_eq!(screen.draw(&[]), 100);
    }

    #[test]
    fn one_more_in_front_leaves_the_others_alone() {
        let (mut screen, one, two, menu) = (Screen::new(), square(1), square(2), square(3));
        screen.draw(&[at(&one, 0, 0), at(&two, 20, 0)]);
        assert_eq!(
            screen.draw(&[at(&menu, 5, 5), at(&one, 0, 0), at(&two, 20, 0)]),
            100
        );
        assert_eq!(screen.draw(&[at(&one, 0, 0), at(&two, 20, 0)]), 100);
    }

    #[test]
    fn one_that_is_raised_is_drawn_and_those_it_passed_are_not() {
        let (mut screen, back) = (Screen::new(), square(9));
        let others: Vec<_> = (0..3).map(square).collect();
        let at_rest = |n: usize| at(&others[n], 8 * n as i32, 0);
        screen.draw(&[at_rest(0), at_rest(1), at_rest(2), at(&back, 4, 5)]);
        let raised = [at(&back, 4, 5), at_rest(0), at_rest(1), at_rest(2)];
        assert_eq!(screen.draw(&raised), 100);
    }

    #[test]
    fn what_is_hidden_is_not_drawn() {
        let mut screen = Screen::new();
        let (front, mut behind) = (square(1), square(2));
        screen.draw(&[at(&front, 5, 5), at(&behind, 10, 5)]);
        behind
            .1
            .replace(Bitmap::from_pixels(vec![3; 100], 10, 10).unwrap());
        assert_eq!(screen.draw(&[at(&front, 5, 5), at(&behind, 10, 5)]), 50);
        behind
            .1
            .replace(Bitmap::from_pixels(vec![4; 100], 10, 10).unwrap());
        let wholly = [at(&front, 5, 5), at(&behind, 5, 5)];
        assert_eq!(screen.draw(&wholly), 100, "where it was");
        behind
            .1
            .replace(Bitmap::from_pixels(vec![5; 100], 10, 10).unwrap());
        assert_eq!(screen.draw(&[at(&front, 5, 5), at(&behind, 5, 5)]), 0);
        assert_eq!(screen.draw(&[at(&behind, 5, 5)]), 100);
    }

    #[test]
    fn an_older_buffer_gets_what_it_missed() {
        let (mut screen, one) = (Screen::new(), square(1));
        screen.draw(&[at(&one, 0, 0)]);
        let mut other = screen.bitmap.clone();
        screen.draw(&[at(&one, 10, 0)]);
        std::mem::swap(&mut screen.bitmap, &mut other);
        screen.age = 2;
        assert_eq!(screen.draw(&[at(&one, 20, 0)]), 300);
        screen.age = 9;
        assert_eq!(screen.draw(&[at(&one, 21, 0)]), 800, "too old to know");
    }

    #[test]
    fn transparency_changes_only_its_own_place() {
        let (mut screen, one) = (Screen::new(), square(0xff));
        let faded = |alpha| {
            let mut element = BitmapElement::new(one.0.clone(), one.1.clone(), (3, 3).into());
            element.alpha = alpha;
            [SceneElement::from(element)]
        };
        screen.draw(&faded(1.0));
        assert_eq!(screen.draw(&faded(0.5)), 100);
        assert_eq!(screen.draw(&faded(0.5)), 0);
    }

    #[test]
    fn whatever_happens_the_picture_is_right() {
        let mut screen = Screen::new();
        let mut seed = 7u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        let mut all: Vec<_> = (1..8).map(square).collect();
        for round in 0..500 {
            let chosen = next(all.len() as u32) as usize;
            let picked = all.remove(chosen);
            let to = next(all.len() as u32 + 1) as usize;
            all.insert(to, picked);
            if next(3) == 0 {
                let pixels = vec![round; 100];
                all[to]
                    .1
                    .replace(Bitmap::from_pixels(pixels, 10, 10).unwrap());
            }
            let count = next(8) as usize;
            let places: Vec<_> = (0..count)
                .map(|n| {
                    at(
                        &all[n % all.len()],
                        next(45) as i32 - 8,
                        next(25) as i32 - 8,
                    )
                })
                .collect();
            screen.draw(&places);
        }
    }
}
