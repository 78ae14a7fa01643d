from ipaddress import IPv4Network, IPv6Network

IPNetwork = IPv4Network | IPv6Network
