// Package shares keeps in Redis what the topic leads.webhooks says, as a cache: it
// fills it, looks records up, and says up to which offset what it found is complete.
//
// The keys of the topic are divided into [Count] shares for ever. A share is one hash
// for one epoch, which holds its [Place] and all its records: they live, are evicted,
// roll back and vanish together, and are read together. So a record that a share does
// not have is one that the topic did not have below that place. A share that is not
// there says nothing ([ErrNotFilled]), and one that holds what this package does not
// write is an error ([ErrDamaged]).
//
// Of a record it knows its key and the stamp at the beginning of its value, which are
// enough to decide which of two records counts:
//
//	leadhook/1 <epoch> <number> <change>\n
//
// What follows the stamp is bytes to it. It does not know what webhooks are, how they
// are sealed, nor anything of Kafka: others read the topic and say where it ends.
//
// Beside the records it keeps what may be lost: leases, a hint where the topic's epoch
// is, and since when webhooks have been failing.
package shares
