//! The documents say what the code does.

use mcpist::app::CLIENTS;
use mcpist::config::LIMITS;
use mcpist::modules::Registry;

const README: &str = include_str!("../../README.md");

#[test]
fn the_readme_lists_every_limit_with_its_default_and_meaning() {
    for limit in LIMITS {
        let row = format!("| `{}` | {} | {} |", limit.name, limit.default_value(), limit.meaning);
        assert!(README.contains(&row), "README.md lacks the row\n{row}");
    }
}

#[test]
fn the_readme_connects_the_clients_as_the_page_does() {
    for client in CLIENTS.iter().filter(|client| README.contains(&format!("| {} |", client.name))) {
        let text = client.text.replace("{url}", "http://127.0.0.1:8088/mcp");
        assert!(
            README.contains(&text),
            "README.md connects {} in another way than the page:\n{text}",
            client.name
        );
    }
}

#[test]
fn the_readme_names_what_every_built_in_module_reads() {
    let registry = Registry::built_in().expect("the built-in modules are right");
    for module in registry.modules() {
        let credentials = module.auth.iter().flat_map(|auth| &auth.ways).flat_map(|way| &way.env);
        for variable in
            credentials.chain(&module.base_url_env).flat_map(mcpist::engine::Variable::names)
        {
            assert!(
                README.contains(&format!("`{variable}`")),
                "README.md does not name {variable} of {}",
                module.name
            );
        }
    }
}

#[test]
fn koyeb_and_the_image_agree_on_port_and_health() {
    let (koyeb, dockerfile) = (include_str!("../../koyeb.yaml"), include_str!("../../Dockerfile"));
    assert!(
        koyeb.contains("port: 8088")
            && koyeb.contains("path: /health")
            && dockerfile.contains("EXPOSE 8088")
    );
    assert!(
        dockerfile.contains(r#"CMD ["/mcpist", "health"]"#)
            && dockerfile.contains("FROM scratch")
            && dockerfile.contains("USER 65534")
    );
}
