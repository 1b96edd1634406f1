package retryqueue

// Next is next.
var Next = next
