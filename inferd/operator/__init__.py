"""The command line of whoever runs inferd: client keys, backups, the master key, health, the configuration."""
