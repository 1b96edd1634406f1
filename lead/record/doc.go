// Package record keeps what is known of a delivery in the headers of a Kafka
// record, and reads it back: of a dead letter, and of a delivery that waits.
//
// It knows the names and the texts of the headers. In which topic and partition
// a record lies, and with which key, it leaves to those who publish it.
package record
