# Completion of leadhook for fish. In ~/.config/fish/config.fish:
#   leadhook completion fish | source
function __leadhook_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path "$current"
    else
        printf '%s\n' $found
    end
end
complete -c leadhook -f -a '(__leadhook_complete)'
