// Package devstack is everything that leadhook needs around it, inside one
// process: a broker that speaks Kafka's protocol, a Redis, and a sample CRM
// that shows each lead it gets. `leadhook dev` and the tests use it.
//
//	k, err := devstack.StartKafka(devstack.KafkaOptions{Listen: "127.0.0.1:9092", Topics: map[string]int{"leads": 12}})
//	r, err := devstack.StartRedis(devstack.RedisOptions{Listen: "127.0.0.1:6379"})
//	c, err := devstack.StartCRM(devstack.CRMOptions{Listen: "127.0.0.1:8085", Out: os.Stdout, Page: true})
//
// Each has Addr, the host:port it listens on, and Close. An empty Listen is a
// free port of 127.0.0.1. To see a server go and come back, close it and start
// another one on its Addr: the Redis is empty then, the broker has what its
// DataDir kept.
//
// It knows nothing of the service; what talks to it is configured as if it
// were the real thing. Nothing of it is meant for production.
package devstack
