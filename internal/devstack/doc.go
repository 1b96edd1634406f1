// Package devstack provides the servers that leadhook needs, inside one process: a
// broker that speaks Kafka's protocol, and a Redis. `leadhook dev` and the tests
// use it.
//
//	k, err := devstack.StartKafka(devstack.KafkaOptions{Listen: "127.0.0.1:9092", Topics: map[string]int{"leads": 12}})
//	r, err := devstack.StartRedis(devstack.RedisOptions{Listen: "127.0.0.1:6379"})
//
// Each has Addr, the host:port on which it listens, and Close. An empty Listen is a
// free port of 127.0.0.1. To simulate an outage, close a server and start another
// one on its Addr: the Redis is then empty, and the broker has what is in its
// DataDir.
//
// It knows nothing of the service, whose configuration is the same as with real
// servers. It is not meant for production, and a build for production (-tags
// nodev) is without it.
package devstack
