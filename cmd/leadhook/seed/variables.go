package seed

import (
	"errors"
	"fmt"
	"strings"

	"github.com/leadhook/leadhook/cmd/leadhook/cli"
)

// variables returns what looks up the environment variables that an input refers to.
// Whoever writes the input chooses where their values are sent. So it gets only those that
// were named for this; and what another program writes gets none that nobody has looked
// at, unless --allow-env says so.
func (c Command) variables(env *cli.Env, name, prefix string) func(string) (string, error) {
	piped := name == "-" || !isFile(name)
	return func(variable string) (string, error) {
		value := env.Variable(variable)
		switch {
		case piped && !c.AllowEnv:
			return "", errors.New("which standard input and pipes may not unless --allow-env is given")
		case !strings.HasPrefix(variable, prefix):
			return "", fmt.Errorf("whose name does not begin with %s (the setting secrets.env_prefix)", prefix)
		case value == "":
			return "", errors.New("which is not set or is empty")
		}
		return value, nil
	}
}
