package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// redisURL returns the value of a Redis URL: redis:// or rediss://, user info, one
// or more hosts, database. It is the notation that Redis clients share, with
// several hosts for Sentinels and Clusters. go-redis parses three dialects of it,
// with the client's own options in the query, and its errors quote the URL.
func redisURL(r *Redis) value {
	return value{
		kind:   "URL: redis[s]://[user:password@]host[:port][,…][/database]",
		secret: true,
		set: func(s string) (string, error) {
			u, err := parseRedisURL(s)
			if err != nil {
				return "", err
			}
			r.Addrs, r.DB, r.TLS.Enabled = u.addrs, u.db, u.tls
			r.Username = u.user.Username()
			password, _ := u.user.Password()
			r.Password = lead.Secret(password)
			return u.String(), nil
		},
	}
}

type redisParts struct {
	tls   bool
	user  *url.Userinfo // may be nil
	addrs []string
	db    int
}

// String returns the URL in a form that may be shown.
func (u redisParts) String() string {
	scheme := "redis://"
	if u.tls {
		scheme = "rediss://"
	}
	return fmt.Sprintf("%s%s%s/%d", scheme, maskedUser(u.user), strings.Join(u.addrs, ","), u.db)
}

var errRedisURL = errors.New("not a Redis URL: want redis[s]://[user:password@]host[:port][,host…][/database]" +
	" (@, / and : in a password are written %40, %2F and %3A)")

// parseRedisURL parses a Redis URL. Its errors do not quote it, since it may contain
// a password.
func parseRedisURL(s string) (redisParts, error) {
	var u redisParts
	scheme, rest, _ := strings.Cut(s, "://")
	switch scheme {
	case "redis":
	case "rediss":
		u.tls = true
	default:
		return u, errRedisURL
	}
	if strings.ContainsAny(rest, "?#") {
		return u, errors.New("a query or fragment is not supported: use the other redis settings")
	}
	rest, database, _ := strings.Cut(rest, "/")
	hosts := rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, err := url.Parse("redis://" + rest[:at] + "@host")
		switch {
		case err != nil || user.Host != "host":
			return u, errRedisURL
		case isMask(user.User):
			return u, errMasked
		}
		u.user, hosts = user.User, rest[at+1:]
	}
	var err error
	if u.addrs, err = redisAddrs(hosts); err != nil {
		return u, err
	}
	if database != "" {
		if u.db, err = strconv.Atoi(database); err != nil || u.db < 0 {
			return u, errors.New("the text after the last / is not the number of a database")
		}
	}
	return u, nil
}

// redisAddrs splits the hosts of a URL, and adds the usual port to those without one.
func redisAddrs(hosts string) ([]string, error) {
	const usualPort = "6379"
	var addrs []string
	for host := range strings.SplitSeq(hosts, ",") {
		addr := host
		if _, _, err := net.SplitHostPort(host); err != nil {
			addr = net.JoinHostPort(strings.Trim(host, "[]"), usualPort)
		}
		if _, err := hostPort(addr, 0); err != nil {
			return nil, errRedisURL
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}
