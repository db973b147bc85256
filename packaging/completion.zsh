#compdef memguard
# The completion of bash, by zsh's own emulation of it; the last line completes the first time, too.
