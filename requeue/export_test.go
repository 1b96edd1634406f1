package requeue

// Next is next.
var Next = next
