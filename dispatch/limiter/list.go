package limiter

// A list keeps its elements in the order in which they were pushed. Its links are
// fields of the elements, so that pushing allocates nothing, and removing an element
// takes the same time wherever it is. The zero value is empty.
type list[T any] struct {
	first, last *link[T]
	n           int
}

// A link is how an element is in a list, in one at a time; its owner must be set
// before it is pushed.
type link[T any] struct {
	owner      *T
	in         *list[T] // nil: it is in none
	prev, next *link[T]
}

// push appends an element, which leaves the list that it was in.
func (l *list[T]) push(e *link[T]) {
	e.remove()
	e.in, e.prev = l, l.last
	if l.last == nil {
		l.first = e
	} else {
		l.last.next = e
	}
	l.last = e
	l.n++
}

// remove takes the element out of the list that it is in, if any.
func (e *link[T]) remove() {
	l := e.in
	if l == nil {
		return
	}
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	l.n--
	e.in, e.prev, e.next = nil, nil, nil
}

// front returns the element that was pushed first, or nil.
func (l *list[T]) front() *T {
	if l.first == nil {
		return nil
	}
	return l.first.owner
}

// back returns the element that was pushed last, or nil.
func (l *list[T]) back() *T {
	if l.last == nil {
		return nil
	}
	return l.last.owner
}
