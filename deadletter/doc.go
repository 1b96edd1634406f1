// Package deadletter reads the dead-letter topic, for tools: it lists, selects,
// counts and follows dead letters, and makes the records that replay them.
//
// It joins no consumer group and commits nothing. Dead letters are written by
// the package producer; why a delivery is dead, and whether to replay it, it
// leaves to others.
package deadletter
