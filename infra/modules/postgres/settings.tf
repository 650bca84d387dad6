# PostgreSQL's settings for hourly loads on one volume, and those of the user. Autovacuum has its defaults (docs/performance.md).

locals {
  server_settings = merge(
    {
      # An hour's load writes each page's first change in full after every checkpoint: fewer checkpoints, compressed pages.
      # 24 loads of 3,000 rows into 300,000, a checkpoint before each: 111 MB of log instead of 197.
      checkpoint_timeout = "15min"
      max_wal_size       = "${min(2048, max(256, floor(local.gib.first * 1024 * 0.1)))}MB"
      wal_compression    = "lz4"
    },
    var.settings,
  )
}
